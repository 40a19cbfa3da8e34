// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.elf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The bytes at the top of a new program's stack: strings, and below them argc, argv, envp and the auxiliary vector
 * ({@code create_elf_tables}).
 */
final class InitialStack {
    private static final int ALIGNMENT = 16;
    private static final int WORD = 8;
    private static final int RANDOM_BYTES = 16;

    private final long top;
    private final ByteBuffer bytes;
    private final List<long[]> auxiliary = new ArrayList<>();

    /** The address of the lowest pushed byte. */
    private long pointer;

    private ArgumentPlace place = new ArgumentPlace(0, 0, 0, 0);

    /**
     * Creates an empty stack.
     *
     * @param top the end of the stack (exclusive), a multiple of 16
     * @param room the maximum number of bytes
     */
    InitialStack(long top, int room) {
        this.top = top;
        bytes = ByteBuffer.allocate(room).order(ByteOrder.LITTLE_ENDIAN);
        // The last word of the stack is 0, as on Linux.
        pointer = top - WORD;
    }

    private void push(byte[] pushed) {
        pointer -= pushed.length;
        if (pointer < top - bytes.capacity()) {
            throw new IllegalArgumentException("arguments and environment are too long");
        }
        bytes.put(index(pointer), pushed);
    }

    private int index(long address) {
        return (int) (address - (top - bytes.capacity()));
    }

    /** Pushes a string, in which each character represents a byte; returns its address. */
    long string(String text) {
        push((text + '\0').getBytes(StandardCharsets.ISO_8859_1));
        return pointer;
    }

    /** Pushes random bytes; returns their address. */
    long random(byte[] random) {
        if (random.length != RANDOM_BYTES) {
            throw new IllegalArgumentException(random.length + " random bytes, not " + RANDOM_BYTES);
        }
        push(random);
        return pointer;
    }

    long pointer() {
        return pointer;
    }

    void place(ArgumentPlace strings) {
        place = strings;
    }

    ArgumentPlace place() {
        return place;
    }

    void auxiliary(int type, long value) {
        auxiliary.add(new long[] {type, value});
    }

    /**
     * Pushes argc, argv, envp and the auxiliary vector; returns the address of argc, which is the initial stack
     * pointer.
     */
    long finish(List<Long> arguments, List<Long> environment) {
        int words = 1 + arguments.size() + 1 + environment.size() + 1 + 2 * (auxiliary.size() + 1);
        long start = pointer - (long) WORD * words & -ALIGNMENT;
        if (start < top - bytes.capacity()) {
            throw new IllegalArgumentException("arguments and environment are too long");
        }
        ByteBuffer table = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN).position(index(start));
        table.putLong(arguments.size());
        arguments.forEach(table::putLong);
        table.putLong(0);
        environment.forEach(table::putLong);
        table.putLong(0);
        for (long[] each : auxiliary) {
            table.putLong(each[0]).putLong(each[1]);
        }
        pointer = start;
        return start;
    }

    /** Returns the bytes from the stack pointer up to the end of the stack. */
    byte[] bytes() {
        byte[] copy = new byte[(int) (top - pointer)];
        bytes.get(index(pointer), copy);
        return copy;
    }

    /** Returns the auxiliary vector including its terminating entry, as in {@code /proc/PID/auxv}. */
    byte[] auxiliaryBytes() {
        ByteBuffer vector =
                ByteBuffer.allocate(2 * WORD * (auxiliary.size() + 1)).order(ByteOrder.LITTLE_ENDIAN);
        for (long[] each : auxiliary) {
            vector.putLong(each[0]).putLong(each[1]);
        }
        return vector.array();
    }
}
