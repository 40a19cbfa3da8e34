// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.limit;

/**
 * The maximum amounts of what a guest can make the emulator hold in the heap, in threads and in descriptors of the
 * host. The table of {@code docs/emulator.md} has a row for each, with what happens beyond it.
 */
public final class GuestLimits {
    /** Processes and threads together: a process of one thread is two, and a zombie is one. */
    public static final int TASKS = 1024;

    /** Descriptors of a process ({@code RLIMIT_NOFILE}). */
    public static final int DESCRIPTORS = 1024;

    /** Open files, and closed files that are still mapped ({@code file-max}). */
    public static final int OPEN_FILES = 16_384;

    /** Files of {@code memfd_create} that have a descriptor or a mapping. */
    public static final int MEMORY_FILES = 4096;

    /** Pipes with an open end, named or not. */
    public static final int PIPES = 1024;

    /** Bytes that a pipe can be made to have room for ({@code pipe-max-size}). */
    public static final int PIPE_BYTES = 1 << 20;

    /** Pages of all pipes, before new ones have two and none can be made larger ({@code pipe-user-pages-soft}). */
    public static final int PIPE_PAGES = 16_384;

    /** Named pipes, each of which keeps a file of the host open, and also their names. */
    public static final int NAMED_PIPES = 1024;

    /** Names of entries that all open directories have read and not yet returned to their end. */
    public static final int FOLDER_NAMES = 1 << 20;

    /** Segments of System V ({@code SHMMNI}). */
    public static final int SEGMENTS = 4096;

    /** Mappings of a process ({@code max_map_count}). */
    public static final int MAPPINGS_OF_PROCESS = 65_530;

    /** Mappings of all processes together. */
    public static final int MAPPINGS = 1 << 20;

    /** File locks, of all processes. */
    public static final int FILE_LOCKS = 16_384;

    /** Queued real-time signals of all processes and threads ({@code RLIMIT_SIGPENDING}). */
    public static final int QUEUED_SIGNALS = 32_768;

    /** Supplementary groups in the lists of all threads; a shared list counts once. */
    public static final int GROUPS = 1 << 20;

    /** Bytes of arguments and environment of a program, with a pointer to each string ({@code bprm_stack_limits}). */
    public static final int ARGUMENT_BYTES = 6 << 20;

    /** Bytes of one such string, with the 0 at its end ({@code MAX_ARG_STRLEN}). */
    public static final int ARGUMENT_STRING = 128 << 10;

    /** Bytes of a path, with the 0 at its end ({@code PATH_MAX}). */
    public static final int PATH = 4096;

    /** Bytes that a call copies at a time. */
    public static final int TRANSFER = 256 << 10;

    /** Parts of a vector of {@code readv} and its like ({@code UIO_MAXIOV}). */
    public static final int PARTS = 1024;

    /** Numbers of system calls that {@code --stats} counts one by one. */
    public static final int CALL_NUMBERS = 512;

    /** Decoded blocks of a thread, and links between translated code and its blocks, four of which count as one. */
    public static final int BLOCKS_OF_THREAD = 65_536;

    /** Decoded blocks that a thread may have even if there are {@link #SHARED_BLOCKS} elsewhere. */
    public static final int LEAST_BLOCKS = 64;

    /** Decoded blocks of all threads, without {@link #LEAST_BLOCKS} of each. */
    public static final int SHARED_BLOCKS = 262_144;

    /** Classes of translated code that are loaded, without those that wait to be made. */
    public static final int TRANSLATED_CLASSES = 4096;

    /** Plans for translated code that wait for the translator. */
    public static final int WAITING_PLANS = 64;

    private GuestLimits() {}
}
