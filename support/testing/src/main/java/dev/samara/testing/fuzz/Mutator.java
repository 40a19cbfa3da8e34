// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.fuzz;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;

/** Derives inputs from seeds: replaces, removes, repeats or mixes bytes, numbers and lines. */
final class Mutator {
    private static final int MOST_CHANGES = 5;
    private static final int MOST_BYTES = 16;

    /** Numbers at the ends of ranges, and words that start lines. */
    private static final String[] WORDS = {
        "0",
        "1",
        "-1",
        "0x0",
        "0xfff",
        "0x1000",
        "0x7fffffff",
        "0x80000000",
        "0xffffffff",
        "0x7fffffffffffffff",
        "0x8000000000000000",
        "0xfffffffffffff000",
        "0xffffffffffffffff",
        "2147483648",
        "9223372036854775807",
        "+0x0",
        "",
        " ",
        "\n",
        "=",
        "|",
        "\\",
        "'",
        "\u0000",
        "\u001b[2J",
        "killed",
        "end",
        "op ",
        "fork\n",
        "\u00e4",
        ":",
        "#"
    };

    private final List<byte[]> seeds;
    private final Random random;

    Mutator(List<byte[]> seeds, long seed) {
        this.seeds = seeds;
        random = new Random(seed);
    }

    byte[] next() {
        byte[] input = seed();
        for (int left = 1 + random.nextInt(MOST_CHANGES); left > 0; left--) {
            input = changed(input);
        }
        return input;
    }

    private byte[] seed() {
        return seeds.get(random.nextInt(seeds.size()));
    }

    private byte[] changed(byte[] input) {
        int start = random.nextInt(input.length + 1);
        int end = Math.min(input.length, start + random.nextInt(MOST_BYTES));
        byte[] other = seed();
        int from = random.nextInt(other.length + 1);
        int to = Math.min(other.length, from + random.nextInt(MOST_BYTES * MOST_BYTES));
        return switch (random.nextInt(9)) {
            case 0 -> replaced(input, start, end, new byte[0], 0, 0);
            case 1 -> replaced(input, start, start, input, start, end);
            case 2 -> replaced(input, start, end, other, from, to);
            case 3 -> replaced(input, start, start, word(), 0, -1);
            case 4 -> flipped(input, start);
            case 5, 6 -> replaced(input, start, endOfWord(input, start), word(), 0, -1);
            case 7 -> replaced(input, startOfLine(input, start), endOfLine(input, start), new byte[0], 0, 0);
            default ->
                replaced(
                        input,
                        startOfLine(input, start),
                        endOfLine(input, start),
                        other,
                        startOfLine(other, from),
                        endOfLine(other, from));
        };
    }

    private byte[] word() {
        return WORDS[random.nextInt(WORDS.length)].getBytes(StandardCharsets.UTF_8);
    }

    private byte[] flipped(byte[] input, int at) {
        byte[] copy = input.clone();
        if (at < copy.length) {
            copy[at] ^= (byte) (random.nextBoolean() ? 1 << random.nextInt(Byte.SIZE) : random.nextInt());
        }
        return copy;
    }

    private static int endOfWord(byte[] input, int start) {
        int end = start;
        while (end < input.length && Character.isLetterOrDigit(input[end] & 0xff)) {
            end++;
        }
        return end;
    }

    private static int startOfLine(byte[] input, int at) {
        int start = at;
        while (start > 0 && input[start - 1] != '\n') {
            start--;
        }
        return start;
    }

    private static int endOfLine(byte[] input, int at) {
        int end = at;
        while (end < input.length && input[end] != '\n') {
            end++;
        }
        return Math.min(end + 1, input.length);
    }

    /** Replaces a range with bytes of another array. A negative end means the end of that array. */
    private static byte[] replaced(byte[] input, int start, int end, byte[] other, int from, int to) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(input.length + other.length);
        bytes.write(input, 0, start);
        bytes.write(other, from, (to < 0 ? other.length : to) - from);
        bytes.write(input, end, input.length - end);
        return bytes.toByteArray();
    }
}
