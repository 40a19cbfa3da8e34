// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.abi;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The system calls that the emulator implements, and a few that programs try first. This is the only place that defines
 * their numbers, which are those of {@code include/uapi/asm-generic/unistd.h}. The list is frozen: it is what the
 * programs make that prove the library.
 */
public enum LinuxCall {
    GETCWD(17),
    EPOLL_CREATE1(20),
    DUP(23),
    DUP3(24),
    FCNTL(25),
    IOCTL(29),
    FLOCK(32),
    MKDIRAT(34),
    UNLINKAT(35),
    SYMLINKAT(36),
    LINKAT(37),
    STATFS(43),
    FTRUNCATE(46),
    FALLOCATE(47),
    FACCESSAT(48),
    CHDIR(49),
    FCHDIR(50),
    FCHMOD(52),
    FCHMODAT(53),
    FCHOWN(55),
    OPENAT(56),
    CLOSE(57),
    PIPE2(59),
    GETDENTS64(61),
    LSEEK(62),
    READ(63),
    WRITE(64),
    READV(65),
    WRITEV(66),
    PREAD64(67),
    PWRITE64(68),
    PREADV(69),
    PWRITEV(70),
    SENDFILE(71),
    PSELECT6(72),
    PPOLL(73),
    READLINKAT(78),
    NEWFSTATAT(79),
    FSTAT(80),
    FSYNC(82),
    FDATASYNC(83),
    UTIMENSAT(88),
    EXIT(93),
    EXIT_GROUP(94),
    WAITID(95),
    SET_TID_ADDRESS(96),
    FUTEX(98),
    SET_ROBUST_LIST(99),
    GET_ROBUST_LIST(100),
    NANOSLEEP(101),
    SETITIMER(103),
    CLOCK_GETTIME(113),
    CLOCK_GETRES(114),
    CLOCK_NANOSLEEP(115),
    SCHED_GETAFFINITY(123),
    SCHED_YIELD(124),
    KILL(129),
    TKILL(130),
    TGKILL(131),
    SIGALTSTACK(132),
    RT_SIGSUSPEND(133),
    RT_SIGACTION(134),
    RT_SIGPROCMASK(135),
    RT_SIGPENDING(136),
    RT_SIGTIMEDWAIT(137),
    RT_SIGQUEUEINFO(138),
    RT_SIGRETURN(139),
    TIMES(153),
    SETGID(144),
    SETUID(146),
    SETPGID(154),
    GETPGID(155),
    UNAME(160),
    GETRUSAGE(165),
    UMASK(166),
    PRCTL(167),
    GETCPU(168),
    GETPID(172),
    GETPPID(173),
    GETUID(174),
    GETEUID(175),
    GETGID(176),
    GETEGID(177),
    GETTID(178),
    SYSINFO(179),
    SHMGET(194),
    SHMCTL(195),
    SHMAT(196),
    SHMDT(197),
    SOCKET(198),
    BRK(214),
    MUNMAP(215),
    MREMAP(216),
    CLONE(220),
    EXECVE(221),
    MMAP(222),
    MPROTECT(226),
    MSYNC(227),
    MLOCK(228),
    MUNLOCK(229),
    MLOCKALL(230),
    MUNLOCKALL(231),
    MINCORE(232),
    MADVISE(233),
    REMAP_FILE_PAGES(234),
    RISCV_HWPROBE(258),
    RISCV_FLUSH_ICACHE(259),
    WAIT4(260),
    PRLIMIT64(261),
    PROCESS_VM_READV(270),
    PROCESS_VM_WRITEV(271),
    RENAMEAT2(276),
    GETRANDOM(278),
    MEMFD_CREATE(279),
    MEMBARRIER(283),
    MLOCK2(284),
    RSEQ(293),
    CLONE3(435),
    CLOSE_RANGE(436),
    PROCESS_MADVISE(440),
    FUTEX_WAITV(449),
    MSEAL(462);

    private static final int MOST = 512;
    private static final @Nullable LinuxCall[] BY_NUMBER = new LinuxCall[MOST];

    static {
        for (LinuxCall each : values()) {
            BY_NUMBER[each.number] = each;
        }
    }

    private final int number;

    LinuxCall(int number) {
        this.number = number;
    }

    /** Returns the call with a number; null if there is none. */
    public static @Nullable LinuxCall of(int number) {
        return number < 0 || number >= MOST ? null : BY_NUMBER[number];
    }

    /** Returns the name of the call with a number, for display. */
    public static String nameOf(int number) {
        LinuxCall found = of(number);
        return found == null ? "call " + number : found.name().toLowerCase(Locale.ROOT);
    }
}
