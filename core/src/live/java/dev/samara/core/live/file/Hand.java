// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.testing.judge.Judge;
import dev.samara.testing.judge.Task;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/** A process of the kernel's side, whose memory contains the bytes of {@link Pattern} and buffers for reads. */
final class Hand implements AutoCloseable {
    /** System call numbers on x86-64. */
    static final int CLOSE = 3;

    static final int FSTAT = 5;
    static final int MMAP = 9;
    static final int MPROTECT = 10;
    static final int MUNMAP = 11;
    static final int PREAD = 17;
    static final int PWRITE = 18;
    static final int MSYNC = 26;
    static final int MADVISE = 28;
    static final int FSYNC = 74;
    static final int TRUNCATE = 76;
    static final int FTRUNCATE = 77;
    static final int RENAME = 82;
    static final int LINK = 86;
    static final int UNLINK = 87;
    static final int SYMLINK = 88;
    static final int OPENAT = 257;
    static final int SYNC_FILE_RANGE = 277;
    static final int FALLOCATE = 285;
    static final int PWRITEV2 = 328;

    static final long HERE = -100;
    private static final long BYTES = 0x5000_0000L;
    private static final long ROOM = 0x5010_0000L;
    private static final int POKED = 24 << 10;
    private static final int LENGTH = 4096;
    private static final int APPENDING = 0x10;

    private final Judge judge;
    private final Task task;

    Hand(Judge judge) {
        this.judge = judge;
        task = judge.first();
        task.call(MMAP, BYTES, 0x10_0000, 3, 0x32, -1, 0);
        task.call(MMAP, ROOM, 0x10_0000, 3, 0x32, -1, 0);
        byte[] pattern = Pattern.all();
        for (int at = 0; at < pattern.length; at += POKED) {
            task.put(BYTES + at, Arrays.copyOfRange(pattern, at, Math.min(at + POKED, pattern.length)));
        }
    }

    Task task() {
        return task;
    }

    long call(int number, long... arguments) {
        return task.call(number, arguments);
    }

    /** Makes a call with paths, which this method stores at {@link #path}. */
    long callWithPaths(List<String> paths, int number, long... arguments) {
        List<String> requests = new ArrayList<>();
        for (int i = 0; i < paths.size(); i++) {
            requests.add(pathRequest(i, paths.get(i)));
        }
        requests.add(Task.callRequest(number, arguments));
        List<String> answers = task.askAll(requests);
        return Long.parseLong(answers.get(answers.size() - 1));
    }

    String pathRequest(int number, String path) {
        byte[] bytes = (path + "\0").getBytes(StandardCharsets.UTF_8);
        return "p " + Long.toHexString(path(number)) + " " + HexFormat.of().formatHex(bytes);
    }

    /** Returns the address of a path of {@link #callWithPaths}. */
    long path(int number) {
        return judge.scratch() + number * (long) LENGTH;
    }

    /** Returns the address of the bytes of a seed. */
    static long bytes(long seed) {
        return BYTES + seed;
    }

    /** Returns the address of the read buffer. */
    static long room() {
        return ROOM;
    }

    /** Returns the address of the structure that a call reads or writes. */
    long structure() {
        return judge.scratch() + 2L * LENGTH;
    }

    /** Combines the hashes of pages into one hash. */
    static long hash(List<String> pages) {
        long hash = 0;
        for (String page : pages) {
            hash = hash * 31 + page.hashCode();
        }
        return hash;
    }

    /** Returns the requests for an append, as with {@code O_APPEND}; the answer to the last request is the result. */
    List<String> append(long descriptor, long seed, long length) {
        return List.of(
                "s 8 " + Long.toHexString(structure()) + " " + Long.toHexString(bytes(seed)),
                "s 8 " + Long.toHexString(structure() + 8) + " " + Long.toHexString(length),
                Task.callRequest(PWRITEV2, descriptor, structure(), 1, 0, 0, APPENDING));
    }

    /** Returns the inode and the size of a descriptor's file; -1 for a closed descriptor. */
    long[] look(long descriptor) {
        List<String> answers = task.askAll(lookRequests(descriptor));
        return answers.get(0).equals("0") ? new long[] {hex(answers.get(1)), hex(answers.get(2))} : new long[] {-1, -1};
    }

    List<String> lookRequests(long descriptor) {
        return List.of(Task.callRequest(FSTAT, descriptor, structure()), field(8), field(48));
    }

    static long hex(String answer) {
        return Long.parseUnsignedLong(answer, 16);
    }

    private String field(int offset) {
        return "l 8 " + Long.toHexString(structure() + offset);
    }

    @Override
    public void close() throws IOException {
        judge.close();
    }
}
