/* Shifts or stops the wall clock of the process that preloads it, as a file states.
 *
 * The file holds two 64-bit integers: seconds to add to the real time, and the time to
 * return instead of it, in microseconds since 1970; 0 means that the clock runs. It is
 * mapped, so that a process which is running can get another time. Monotonic clocks
 * stay unchanged. (libfaketime hangs in programs that contain jemalloc, such as
 * Debian's redis-server.)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *page;

__attribute__((constructor)) static void find(void) {
    const char *path = getenv("CLOCK_OFFSET_FILE");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, 2 * sizeof *page, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) page = mapped;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    int64_t stopped_at = is_wall && page ? page[1] : 0;
    if (stopped_at) {
        now->tv_sec = stopped_at / 1000000;
        now->tv_nsec = stopped_at % 1000000 * 1000;
        return 0;
    }
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && is_wall && page) now->tv_sec += page[0];
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    if (!now) return 0;
    int failed = clock_gettime(CLOCK_REALTIME, &exact);
    if (failed) return failed;
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}
