// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

/** The operations, as their callers call them. */
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
