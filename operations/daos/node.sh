# Before it comes what the site calls the two units, and which processes have let nobody look at them
# until now: server=... agent=... stuck=... (see `node.script`).
# The daemon of PackageKit is none of them: most of the time it does nothing.
managers='yum|dnf|zypper|rpm|zypp-rpm|yumBackend.py|dnf-automatic|yum-cron|y2base'
missing=''
for tool in rpm systemctl find findmnt grep getent head hostname flock df ls mktemp stat timeout; do
    command -v $tool >/dev/null || missing="$missing $tool"
done
if [ "$missing" ]; then
    echo "there is no${missing}: install the packages of these programs (find is of findutils," \
        "findmnt and flock of util-linux, getent of glibc, the others of coreutils)" >&2
    exit 1
fi
# Names of processes and files are bytes to all programs here.
export LC_ALL=C
remembered() { # What is there and cannot be read, or is empty, is not "nothing is remembered".
    [ -e "$1" ] || [ -h "$1" ] || return 0
    # The user of daos_server may write to the trace, and so without end.
    if [ ! -s "$1" ] || [ ! -f "$1" ]; then
        echo empty
    else
        head -c 1000000 -- "$1" 2>/dev/null || echo unreadable
    fi
}
files() { # Sets `paths`. $1: process ids; $2: a file that /proc has of each of them
    paths=''
    for pid in $1; do paths="$paths /proc/$pid/$2"; done
}
# What a process has mapped, runs and was called with is asked under its lock on that memory. One that
# reads from a file system that hangs, as anybody's FUSE may, holds it for as long as it likes.
asked() { # $1: the maps of processes
    uses=''
    for maps in $(grep -lsa '/libdaos\.so' $1); do
        pid=${maps#/proc/}; pid=${pid%/maps}; uses="$uses $pid"; echo "uses $pid"
    done
    # A daemon whose program or library has been replaced on disk since it started. No clock tells
    # that: a node's may be wrong when packages are installed, and right when somebody looks.
    files "$daemons" maps
    [ -z "$paths" ] ||
        grep -lsaE ' /(usr|opt)/.*(daos|libcart|libgurt).* \(deleted\)$' $paths
    files "$suspects $dfuses $at_work $uses" exe
    if [ "$paths" ]; then # each twice: what it is a link to, and whose that is
        ls -ldn --quoting-style=c --time-style=+ $paths
        ls -ldnL --quoting-style=c --time-style=+ $paths
    fi
    files "$dfuses $at_work" cmdline
    [ -z "$paths" ] || grep -saH '' $paths | tr '\0' ' ' | cut -b -2000 | head -c 1000000
}
one() { # $1: a process, of which alone all that is asked
    for list in daemons suspects dfuses at_work; do
        eval "case \" \$$list \" in *' $1 '*) $list=$1 ;; *) $list='' ;; esac"
    done
    asked "/proc/$1/maps"
}
# Nobody waits longer than that: on kernels before 5.3 even what is killed stays, and `timeout` does.
in_time() { # $1: seconds; then process ids of jobs. Whether they have ended by then
    over=''
    read -r me rest </proc/self/stat
    (
        trap 'ended=yes; kill $nap' TERM
        ended='' nap=''
        sleep "$1" &
        nap=$!
        wait $nap
        [ "$ended" ] || kill -s USR1 "$me"
    ) >/dev/null 2>&1 </dev/null &
    bell=$!
    shift
    for job in "$@"; do [ "$over" ] || wait "$job"; done
    kill $bell 2>/dev/null
    [ -z "$over" ]
}
# Sets `begun` to when a process has started, in ticks since the boot; "" for a thread of the kernel.
began() {
    begun=''
    while read -r line; do
        rest=${line##*) } # its name may hold anything, also the end of a line
    done <"/proc/$1/stat" || return 0
    case $rest in "? 2 "*) return 0 ;; esac
    set -- $rest
    [ $# -lt 20 ] || begun=${20}
} 2>/dev/null
processes() { # Sets `pids` to those that can be asked, and tells the others that are known.
    pids=''
    for folder in /proc/[0-9]*; do
        pid=${folder#/proc/}
        began "$pid"
        case " $stuck " in
            *" $pid:${begun:-none} "*) tell "stuck $pid $begun" ;;
            *) [ -z "$begun" ] || pids="$pids $pid" ;;
        esac
    done
}
without_stuck() { # Takes those out of the lists that `processes` has left out.
    for list in daemons suspects dfuses at_work; do
        eval "words=\$$list" rest=''
        for pid in $words; do
            case "$pids " in *" $pid "*) rest="$rest $pid" ;; esac
        done
        eval "$list=\$rest"
    done
}
tell() { # $1: a line about a process; adds to `named` who has to be told by name.
    printf '%s\n' "$1"
    case $1 in "uses "*|"stuck "*) set -- $1; named="$named $2" ;; esac
}
tell_all() { # $1: a file of such lines
    while IFS= read -r line; do tell "$line"; done <"$1"
}
look_at_processes() {
    trap 'over=yes' USR1
    here=$(mktemp -d -p /run 2>/dev/null || mktemp -d) || exit 1
    trap 'rm -rf "$here"' EXIT
    trap 'exit 1' HUP INT TERM
    paths='/proc/[0-9]*/maps' pids=''
    if [ "$stuck" ]; then processes; files "$pids" maps; fi
    (
        [ -z "$stuck" ] || without_stuck
        asked "$paths"
    ) >"$here/all" 2>/dev/null </dev/null &
    job=$!
    if in_time 3 $job; then
        tell_all "$here/all"
        return
    fi
    kill -s KILL $job 2>/dev/null
    [ "$pids" ] || processes
    jobs=''
    for pid in $pids; do
        { one "$pid" >"$here/$pid"; : >"$here/$pid.seen"; } >/dev/null 2>&1 </dev/null &
        jobs="$jobs $!"
    done
    in_time 3 $jobs
    for pid in $pids; do
        if [ -e "$here/$pid.seen" ]; then
            tell_all "$here/$pid"
        else
            began "$pid"
            [ -z "$begun" ] || tell "stuck $pid $begun"
        fi
    done
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
    shown=$(systemctl show "$server" "$agent" $beside \
        --property Id,Names,ActiveState,LoadState,UnitFileState,User,ExecStartPre,ExecStart \
        --property ExecStopPost,ExecMainStartTimestampMonotonic,MainPID,ControlGroup \
        --property ProtectSystem,ReadOnlyPaths,ReadWritePaths,InaccessiblePaths,RootDirectory \
        --property WantedBy,RequiredBy,RequiredByOverridable,BoundBy,UpheldBy \
        --property TriggeredBy,OnSuccessOf,OnFailureOf)
    printf '%s\n' "$shown"
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
        of_a_run=yes
        case $(stat -c '%u %a' $lock) in
            '0 600') ;;
            # Of an older version of this tool, for all to open, and so to hold.
            *) [ "$(find /proc/[0-9]*/fd -lname $lock -user 0 2>/dev/null)" ] || of_a_run='' ;;
        esac
        [ -z "$of_a_run" ] || grep . $lock ||
            echo "somebody who does not say so (\`fuser -v $lock\` there tells who)"
    fi
    # This shell is looked for as well: where it is not found, nothing is known of the others.
    complete='' daemons='' suspects='' dfuses='' at_work=''
    read -r shell </proc/$$/comm
    daemon='daos_server|daos_agent|daos_engine|daos_io_server'
    for process in $(grep -sxa -E "$shell|$daemon|dfuse|$managers" /proc/[0-9]*/comm); do
        pid=${process#/proc/}; pid=${pid%%/*}
        case ${process#*:} in
            "$shell") [ "$pid" != $$ ] || complete=yes ;;
            daos_*) daemons="$daemons $pid" ;;
            dfuse) dfuses="$dfuses $pid" ;;
            *) at_work="$at_work $pid" ;;
        esac
    done
    [ "$complete" ] || { echo "/proc does not show all processes" >&2; exit 1; }
    others=''
    for pid in $daemons; do # what is not in its unit's group has to say more of itself
        of_unit='' other=''
        while read -r line; do
            case $line/ in
                */user.slice/*) ;;
                */"$server"/*|*/"$agent"/*) of_unit=yes ;;
                */*.service/) other=" ${line##*/}" ;;
            esac
        done <"/proc/$pid/cgroup"
        [ "$of_unit" ] || suspects="$suspects $pid" others="$others$other"
    done 2>/dev/null
    echo "== processes"
    for pid in $daemons; do echo "daemon $pid"; done
    for pid in $dfuses; do echo "dfuse $pid"; done
    for pid in $at_work; do echo "manager $pid"; done
    named="$suspects $dfuses $at_work"
    look_at_processes
    echo "== status"
    status=''
    files "$daemons $named" status
    if [ "$paths" ]; then
        status=$(grep -saHE '^(Name|State|PPid|Uid):' $paths)
        [ -z "$status" ] || printf '%s\n' "$status"
    fi
    # In systemd's own hierarchy, and where Slurm has its jobs: with v1 that is in all others. Where
    # systemd makes none, all have the group of the first process.
    echo "== cgroups"
    files "$daemons $named" cgroup
    [ -z "$paths" ] || grep -saHE '^0::|:name=systemd:|/job_[0-9]' /proc/1/cgroup $paths
    echo "== others" # units that have started one, and as whom
    [ -z "$others" ] || systemctl show $others --property Id,User
    echo "== names" # of those whose processes these are, and as whom units run
    case $named in *[0-9]*)
        users=''
        IFS='
'
        set -f
        for line in $status $shown; do
            case ${line#/proc/*/status:} in
                Uid:*) users="$users ${line##*:}" ;;
                User=*) users="$users ${line#User=}" ;;
            esac
        done
        unset IFS
        different='daos_server daos_agent'
        for user in $users; do
            case " $different " in *" $user "*) ;; *) different="$different $user" ;; esac
        done
        timeout 10 getent passwd $different
        set +f
    esac
    echo "== mounts"
    findmnt -rn -t fuse.daos,tmpfs -o FSTYPE,TARGET | while read -r type where; do
        [ "$type" != tmpfs ] || [ -e "$where/superblock" ] || continue
        echo "$type $where"
    done
    echo "== space"; df -k --output=avail,target /usr /var/cache /var/lib/rpm 2>/dev/null
    echo "== read-only" # of what an update writes to
    for place in /usr /etc /var/lib /var/log /run; do [ -w $place ] || echo $place; done
    echo "== rpmnew"
    for file in /etc/daos/*.rpmnew /etc/daos/*/*.rpmnew; do
        [ ! -e "$file" ] || printf '%s\n' "$file"
    done
    echo "== end"
}
# In one piece: line by line, each would be a message of SSH of its own.
found=$(look) || exit 1
printf '%s\n' "$found"
