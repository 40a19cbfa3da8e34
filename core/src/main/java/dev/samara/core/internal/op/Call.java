// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

/** The calls that are operations. */
public enum Call {
    MMAP,
    MUNMAP,
    MPROTECT,
    MREMAP,
    BRK,
    MADVISE,
    MLOCK,
    MUNLOCK,
    MLOCKALL,
    MUNLOCKALL,
    MSYNC,
    MSEAL,
    SHMAT,
    SHMDT,
    GROW_STACK,
    LOAD,
    FORK,
    CLOSE
}
