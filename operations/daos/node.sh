# Before it comes what the site calls the two units: server=... agent=... (see `node.script`).
# The daemon of PackageKit is none of them: most of the time it does nothing.
managers='yum|dnf|zypper|rpm|zypp-rpm|yumBackend.py|dnf-automatic|yum-cron|y2base'
missing=''
for tool in rpm systemctl findmnt grep ps hostname flock df stat timeout; do
    command -v $tool >/dev/null || missing="$missing $tool"
done
if [ "$missing" ]; then
    echo "there is no${missing}: install the packages of these programs (findmnt and flock are of" \
        "util-linux, ps of procps-ng or procps, df, stat and timeout of coreutils)" >&2
    exit 1
fi
show() { # $1: columns of ps; $2: process ids, with a blank before each
    [ -z "$2" ] || ps -ww -o "$1" -p "${2# }"
}
remembered() { # What is there and cannot be read, or is empty, is not "nothing is remembered".
    [ -e "$1" ] || [ -h "$1" ] || return 0
    if [ -s "$1" ] && [ -f "$1" ]; then cat "$1" 2>/dev/null || echo unreadable; else echo empty; fi
}
look() {
    echo "== hostname"; read -r name </proc/sys/kernel/hostname; printf '%s\n' "$name"
    echo "== boot"; read -r id </proc/sys/kernel/random/boot_id; printf '%s\n' "$id"
    echo "== addresses"; hostname -I
    echo "== os"; . /etc/os-release; echo "$ID ${VERSION_ID:-}"
    if [ -r /etc/redhat-release ]; then
        read -r line </etc/redhat-release; printf '%s\n' "$line"
    fi
    echo "== packages"
    signed='%|DSAHEADER?{%{DSAHEADER:pgpsig}}:{%|RSAHEADER?{%{RSAHEADER:pgpsig}}:{(none)}|}|'
    # A database that hangs keeps rpm waiting for ever; then `timeout` tells what hangs (hanging.py).
    timeout 300 rpm -qa --queryformat "%{NAME} %{VERSION}-%{RELEASE} %{SOURCERPM} $signed\n" \
        'daos' 'daos-*' || exit 1
    echo "== services"
    beside='' # DAOS's own units, where the site has others in their place
    [ "$server" = daos_server.service ] || beside="$beside daos_server.service"
    [ "$agent" = daos_agent.service ] || beside="$beside daos_agent.service"
    systemctl show "$server" "$agent" $beside \
        --property Id,Names,ActiveState,LoadState,UnitFileState,User,ExecStartPre,ExecStart \
        --property ExecStopPost,ExecMainStartTimestampMonotonic,MainPID,ControlGroup \
        --property ProtectSystem,ReadOnlyPaths,ReadWritePaths,InaccessiblePaths,RootDirectory \
        --property WantedBy,RequiredBy,RequiredByOverridable,BoundBy,UpheldBy \
        --property TriggeredBy,OnSuccessOf,OnFailureOf
    echo "== links" # in the place of a unit file, and by which a unit is started with others
    for unit in "$server" "$agent" $beside; do
        [ ! -h "/etc/systemd/system/$unit" ] || printf '%s\n' "$unit"
        for folder in /etc/systemd/system /run/systemd/system /run/systemd/generator* \
            /usr/local/lib/systemd/system /usr/lib/systemd/system; do
            for link in $folder/*.wants/"$unit" $folder/*.requires/"$unit" \
                $folder/*.upholds/"$unit"; do
                [ ! -e "$link" ] && [ ! -h "$link" ] || printf '%s\n' "$link"
            done
        done
    done
    kept=/var/lib/daos-offline-update
    echo "== record"; remembered $kept/window.json; echo
    echo "== starts"; remembered $kept/starts; echo
    # Nobody can write to it where it is immutable, or on a file system that is read-only.
    echo "== access"; [ ! -w $kept/starts ] || stat -c '%U %u %a' $kept/starts
    echo "== held" # when, and what time it is, by the node's own clock
    laid="/etc/systemd/system/$server.d/zzz-daos-offline-update.conf"
    [ ! -e "$laid" ] || { stat -c %Y "$laid"; date +%s; }
    echo "== resets" # in drop-ins of the site, which most have not
    set --
    for file in "/etc/systemd/system/$server.d"/*.conf "/run/systemd/system/$server.d"/*.conf \
        "/usr/lib/systemd/system/$server.d"/*.conf; do
        [ ! -e "$file" ] || [ "$file" = "$laid" ] || set -- "$@" "$file"
    done
    [ $# = 0 ] || grep -lsE '^[[:blank:]]*Exec(StartPre|StopPost)[[:blank:]]*=[[:blank:]]*$' "$@"
    echo "== lock"
    lock=/run/daos-offline-update.lock
    if [ -e $lock ] && ! flock -s -n $lock true; then
        grep . $lock || echo "somebody who does not say so (\`fuser -v $lock\` there tells who)"
    fi
    # This shell is looked for as well: where it is not found, nothing is known of the others.
    complete='' daemons='' dfuses='' at_work=''
    read -r shell </proc/$$/comm
    daemon='daos_server|daos_agent|daos_engine|daos_io_server'
    for process in $(grep -sx -E "$shell|$daemon|dfuse|$managers" /proc/[0-9]*/comm); do
        pid=${process#/proc/}; pid=${pid%%/*}
        case ${process#*:} in
            "$shell") [ "$pid" != $$ ] || complete=yes ;;
            daos_*) daemons="$daemons $pid" ;;
            dfuse) dfuses="$dfuses $pid" ;;
            *) at_work="$at_work $pid" ;;
        esac
    done
    [ "$complete" ] || { echo "/proc does not show all processes" >&2; exit 1; }
    echo "== daemons"
    groups='' programs='' maps=''
    for pid in $daemons; do
        read -r line <"/proc/$pid/stat" && printf '%s\n' "$line"
        groups="$groups /proc/$pid/cgroup" programs="$programs /proc/$pid/exe"
        maps="$maps /proc/$pid/maps"
    done 2>/dev/null
    # In systemd's own hierarchy. Where it makes none, all have the group of the first process.
    echo "== cgroups"
    [ -z "$groups" ] || grep -sHE '^0::|:name=systemd:' /proc/1/cgroup $groups
    echo "== programs" # whom a daemon belongs to
    [ -z "$programs" ] || stat -c '%n %U' $programs 2>/dev/null
    # A daemon whose program or library has been replaced on disk since it started. No clock tells
    # that: a node's may be wrong when packages are installed, and right when somebody looks.
    echo "== replaced"
    [ -z "$maps" ] || grep -lsE ' /(usr|opt)/.*(daos|libcart|libgurt).* \(deleted\)$' $maps
    echo "== mounts"
    findmnt -rn -t fuse.daos,tmpfs -o FSTYPE,TARGET | while read -r type where; do
        [ "$type" != tmpfs ] || [ -e "$where/superblock" ] || continue
        echo "$type $where"
    done
    echo "== processes"
    mapped=$(grep -ls '/libdaos\.so' /proc/[0-9]*/maps); [ $? -le 2 ] || exit 1
    users=''
    for maps in $mapped; do pid=${maps#/proc/}; users="$users ${pid%/maps}"; done
    show pid=,user=,comm= "$users"
    echo "== dfuse"; show pid=,user=,args= "$dfuses"
    echo "== space"; df -k --output=avail,target /usr /var/cache /var/lib/rpm 2>/dev/null
    echo "== read-only" # of what an update writes to
    for place in /usr /etc /var/lib /var/log /run; do [ -w $place ] || echo $place; done
    echo "== managers"; show pid=,user=,args= "$at_work"
    echo "== rpmnew"
    for file in /etc/daos/*.rpmnew /etc/daos/*/*.rpmnew; do
        [ ! -e "$file" ] || printf '%s\n' "$file"
    done
    echo "== end"
}
# In one piece: line by line, each would be a message of SSH of its own.
found=$(look) || exit 1
printf '%s\n' "$found"
