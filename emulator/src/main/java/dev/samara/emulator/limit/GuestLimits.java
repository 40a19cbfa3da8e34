// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.limit;

/**
 * The limits of the resources that a guest can make the emulator use: memory in the heap, threads, and descriptors of
 * the host. A table in {@code docs/emulator.md} describes what a guest meets beyond them.
 */
public final class GuestLimits {
    /** Processes and threads together. A process with one thread counts as two, and a zombie as one. */
    public static final int TASKS = 1024;

    /** Descriptors of a process ({@code RLIMIT_NOFILE}). */
    public static final int DESCRIPTORS = 1024;

    /** Open files, and closed files that are still mapped ({@code file-max}). */
    public static final int OPEN_FILES = 16_384;

    /** Files of {@code memfd_create} that have a descriptor or a mapping. */
    public static final int MEMORY_FILES = 4096;

    /** Pipes with an open end. */
    public static final int PIPES = 1024;

    /**
     * Names that all open directories together cache. A directory caches the names that it read from the host, until it
     * has returned all of them.
     */
    public static final int FOLDER_NAMES = 1 << 20;

    /** System V shared memory segments ({@code SHMMNI}). */
    public static final int SEGMENTS = 4096;

    /** Mappings of a process ({@code max_map_count}). */
    public static final int MAPPINGS_OF_PROCESS = 65_530;

    /** Mappings of all processes together. */
    public static final int MAPPINGS = 1 << 20;

    /** File locks, of all processes. */
    public static final int FILE_LOCKS = 16_384;

    /** Queued real-time signals of all processes and threads ({@code RLIMIT_SIGPENDING}). */
    public static final int QUEUED_SIGNALS = 32_768;

    /**
     * Bytes of a program's arguments and environment, including a pointer to each string ({@code bprm_stack_limits}).
     */
    public static final int ARGUMENT_BYTES = 6 << 20;

    /** Bytes of one argument or environment string, including its terminating null ({@code MAX_ARG_STRLEN}). */
    public static final int ARGUMENT_STRING = 128 << 10;

    /** Bytes of a path, including its terminating null ({@code PATH_MAX}). */
    public static final int PATH = 4096;

    /** Bytes that a call copies at a time. */
    public static final int TRANSFER = 256 << 10;

    /** Parts of a vector of {@code readv} and similar calls ({@code UIO_MAXIOV}). */
    public static final int PARTS = 1024;

    /** Numbers of system calls that {@code --stats} counts separately. */
    public static final int CALL_NUMBERS = 512;

    /** Decoded blocks of a thread, plus links between translated code and its blocks. Four links count as one block. */
    public static final int BLOCKS_OF_THREAD = 65_536;

    /** Decoded blocks that a thread may always have, even if other threads use all {@link #SHARED_BLOCKS}. */
    public static final int LEAST_BLOCKS = 64;

    /** Decoded blocks of all threads, not counting {@link #LEAST_BLOCKS} of each thread. */
    public static final int SHARED_BLOCKS = 262_144;

    /** Loaded classes of translated code, not counting those that are still to be generated. */
    public static final int TRANSLATED_CLASSES = 4096;

    /** Plans for translated code that are queued for the translator. */
    public static final int WAITING_PLANS = 64;

    private GuestLimits() {}
}
