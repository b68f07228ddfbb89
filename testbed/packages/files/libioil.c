/* libioil.so of the lab: a process into which it is preloaded leaves an event, and nothing else.
 *
 * The real one serves a process's reads and writes of files under dfuse without the way through
 * the kernel. Here they all go through dfuse; what a test can see is which processes had it.
 *
 * It is compiled without any headers of libc, and linked with ld's `-init note_preloaded`.
 */
typedef unsigned long size_t;
typedef long ssize_t;
struct timespec { long tv_sec, tv_nsec; };

extern int open(const char *path, int flags, ...);
extern ssize_t write(int file, const void *from, size_t size);
extern int close(int file);
extern int getpid(void);
extern int gethostname(char *name, size_t size);
extern int prctl(int what, ...);
extern int clock_gettime(int clock, struct timespec *now);
extern int snprintf(char *to, size_t size, const char *format, ...);
extern int *__errno_location(void);

const char libioil_version[] = DAOS_VERSION;

static const char LOG[] = "/var/log/daos-lab/events.jsonl";
/* The same numbers on x86_64 and aarch64. */
enum { O_WRONLY = 01, O_APPEND = 02000, O_NONBLOCK = 04000, O_CLOEXEC = 02000000 };
enum { PR_GET_NAME = 16, CLOCK_REALTIME = 0 };

/* The day of the Gregorian calendar, from days since 1970; libc's gmtime_r would read files. */
static void as_date(long days, int *year, int *month, int *day)
{
    long era, of_era, years, of_year, from_march;

    days += 719468; /* from 1 March of the year 0 */
    era = days / 146097;
    of_era = days - era * 146097;
    years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (365 * years + years / 4 - years / 100);
    from_march = (5 * of_year + 2) / 153;
    *day = of_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = years + era * 400 + (*month <= 2);
}

/* What would have to be escaped in JSON becomes a question mark. */
static void make_plain(char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
            *text = '?';
}

/* Runs before main of every process that loads this library. */
void note_preloaded(void)
{
    char line[512], host[65] = "", process[17] = "";
    int error = *__errno_location();
    int year, month, day, length, log;
    struct timespec now;
    long second;

    log = open(LOG, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC);
    if (log < 0)
        goto done;
    clock_gettime(CLOCK_REALTIME, &now);
    as_date(now.tv_sec / 86400, &year, &month, &day);
    second = now.tv_sec % 86400;
    gethostname(host, sizeof host - 1);
    prctl(PR_GET_NAME, process, 0L, 0L, 0L);
    make_plain(host);
    make_plain(process);
    length = snprintf(line, sizeof line,
        "{\"time\": \"%04d-%02d-%02dT%02ld:%02ld:%02ld.%06ldZ\", \"host\": \"%s\","
        " \"program\": \"libioil\", \"pid\": %d, \"event\": \"preloaded\","
        " \"details\": {\"process\": \"%s\"}}\n",
        year, month, day, second / 3600, second / 60 % 60, second % 60, now.tv_nsec / 1000, host,
        getpid(), process);
    write(log, line, length); /* one write: lines of programs never mix */
    close(log);
done:
    *__errno_location() = error;
}
