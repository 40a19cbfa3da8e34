// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

/** System call numbers on x86-64. */
final class Kernel {
    static final int WRITE = 1;
    static final int CLOSE = 3;
    static final int MMAP = 9;
    static final int MPROTECT = 10;
    static final int MUNMAP = 11;
    static final int BRK = 12;
    static final int IOCTL = 16;
    static final int PREAD64 = 17;
    static final int PWRITE64 = 18;
    static final int MREMAP = 25;
    static final int MSYNC = 26;
    static final int MINCORE = 27;
    static final int MADVISE = 28;
    static final int SHMGET = 29;
    static final int SHMAT = 30;
    static final int SHMCTL = 31;
    static final int SHMDT = 67;
    static final int GETPID = 39;
    static final int FCNTL = 72;
    static final int FTRUNCATE = 77;
    static final int SETRESUID = 117;
    static final int CAPGET = 125;
    static final int CAPSET = 126;
    static final int MLOCK = 149;
    static final int MUNLOCK = 150;
    static final int MLOCKALL = 151;
    static final int MUNLOCKALL = 152;
    static final int PRCTL = 157;
    static final int REMAP_FILE_PAGES = 216;
    static final int OPENAT = 257;
    static final int UNSHARE = 272;
    static final int FALLOCATE = 285;
    static final int DUP3 = 292;
    static final int PRLIMIT64 = 302;
    static final int MEMFD_CREATE = 319;
    static final int MLOCK2 = 325;
    static final int MSEAL = 462;

    private Kernel() {}
}
