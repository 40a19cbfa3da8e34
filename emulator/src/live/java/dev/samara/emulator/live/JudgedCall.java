// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.util.Locale;

/** The system calls that scripts make, with their numbers on both architectures. */
enum JudgedCall {
    READ(0, 63),
    WRITE(1, 64),
    FTRUNCATE(77, 46),
    OPENAT(257, 56),
    CLOSE(3, 57),
    PIPE2(293, 59),
    MEMFD_CREATE(319, 279),
    MKDIRAT(258, 34),
    CHDIR(80, 49),
    RT_SIGACTION(13, 134),
    KILL(62, 129),
    FUTEX(202, 98),
    SET_ROBUST_LIST(273, 99),
    GET_ROBUST_LIST(274, 100),
    WAIT4(61, 260),
    WAITID(247, 95),
    EXIT(60, 93),
    EXIT_GROUP(231, 94),
    GETUID(102, 174),
    PRLIMIT64(302, 261),
    MMAP(9, 222),
    MUNMAP(11, 215),
    MPROTECT(10, 226),
    MREMAP(25, 216),
    MSYNC(26, 227),
    MADVISE(28, 233),
    PROCESS_VM_READV(310, 270),
    PROCESS_VM_WRITEV(311, 271),
    FUTEX_WAITV(449, 449),
    SHMGET(29, 194),
    SHMAT(30, 196),
    SHMDT(67, 197),
    SHMCTL(31, 195);

    private final int onX86;
    private final int onRiscv;

    JudgedCall(int onX86, int onRiscv) {
        this.onX86 = onX86;
        this.onRiscv = onRiscv;
    }

    int number(Architecture architecture) {
        return architecture == Architecture.X86_64 ? onX86 : onRiscv;
    }

    /** Returns the call's name in Linux. */
    String text() {
        return name().toLowerCase(Locale.ROOT);
    }

    static JudgedCall of(String text) {
        return valueOf(text.toUpperCase(Locale.ROOT));
    }
}
