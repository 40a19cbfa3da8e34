// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;

/** The arguments of a call in memory, at the same addresses on both machines. */
final class Placement {
    static final long ARGUMENTS = 0x1000_0000L;
    static final int ARGUMENT_BYTES = 0x2_0000;
    static final long EDGE_END = 0x1010_1000L;
    static final long READ_ONLY = 0x1020_0000L;
    static final long BAD = 0x1030_0000L;
    static final long BIG = 0x1100_0000L;
    static final int BIG_BYTES = 0x4_0000;

    private static final int SEED = 0x11;
    private static final int AFTER = 8;

    private final SeenNumbers seen;
    private final List<String> before = new ArrayList<>();
    private final List<Told> after = new ArrayList<>();
    private final long start;
    private long next;

    Placement(SeenNumbers seen, int task) {
        this.seen = seen;
        // Tasks may share memory, so the arguments of a call in progress stay in place.
        start = ARGUMENTS + (long) task * 0x4000;
        next = start;
    }

    /** A request after a call, and the formatter of its answer. */
    record Told(String request, Telling telling) {}

    /** Formats an answer. */
    interface Telling {
        String tell(String answer, long result);
    }

    List<String> before() {
        return before;
    }

    List<Told> after() {
        return after;
    }

    boolean isUsed() {
        return next != start;
    }

    /** Returns the request that clears the memory of the arguments, except for an argument at an edge. */
    String clearing() {
        return "m " + hex(start) + " " + hex(next - start) + " 0";
    }

    private static String hex(long value) {
        return Long.toHexString(value);
    }

    private long take(int length) {
        long at = next;
        next = (next + length + AFTER + 15) & ~15L;
        return at;
    }

    private void fill(long address, int length) {
        before.add("m " + hex(address) + " " + hex(length) + " " + hex(SEED));
    }

    private void poke(long address, byte[] bytes) {
        // The length of a request is limited.
        for (int from = 0; from < bytes.length; from += 1024) {
            int length = Math.min(1024, bytes.length - from);
            before.add("p " + hex(address + from) + " " + HexFormat.of().formatHex(bytes, from, from + length));
        }
    }

    private void compare(long address, int length) {
        after.add(new Told("d " + hex(address) + " " + hex(length), (answer, result) -> shown(answer)));
    }

    /**
     * Returns whether an answer consists of bytes. The answer of a process that ended is empty, and memory may be
     * unmapped.
     */
    private static boolean isBytes(String answer) {
        return !answer.isEmpty() && answer.chars().allMatch(each -> Character.digit(each, 16) >= 0);
    }

    /** Formats bytes; shows bytes of the pattern as dots. */
    private static String shown(String answer) {
        int fault = answer.indexOf('!');
        if (!isBytes(fault < 0 ? answer : answer.substring(0, fault))) {
            return answer;
        }
        StringBuilder text = new StringBuilder();
        int plain = 0;
        for (int i = 0; 2 * i + 1 < answer.length() && answer.charAt(2 * i) != '!'; i++) {
            int value = Integer.parseInt(answer.substring(2 * i, 2 * i + 2), 16);
            boolean isKept = value == ((SEED + i * 7 + (i >> 8)) & 0xff);
            plain += isKept ? 0 : 1;
            text.append(isKept ? ".." : String.format(Locale.ROOT, "%02x", value));
        }
        return (plain == 0 ? "kept" : text.toString())
                + (answer.contains("!") ? answer.substring(answer.indexOf('!')) : "");
    }

    /** Stores an argument in memory, and returns its value. */
    long place(Argument argument) {
        if (argument instanceof Argument.Numeric number) {
            return number.value();
        } else if (argument instanceof Argument.Text text) {
            return placeText(text.bytes());
        } else if (argument instanceof Argument.Buffer buffer) {
            long at = take(buffer.length());
            fill(at, buffer.length() + AFTER);
            compare(at, buffer.length() + AFTER);
            return at;
        } else if (argument instanceof Argument.Edge edge) {
            long at = EDGE_END - edge.length();
            fill(at, edge.length());
            compare(at, edge.length());
            return at;
        } else if (argument instanceof Argument.Bad) {
            return BAD;
        } else if (argument instanceof Argument.ReadOnly) {
            return READ_ONLY;
        } else if (argument instanceof Argument.Out out) {
            return place(out.structure());
        } else if (argument instanceof Argument.Fields fields) {
            return place(fields);
        }
        throw new IllegalArgumentException(argument.toString());
    }

    private long placeText(String text) {
        byte[] bytes = (text + "\0").getBytes(StandardCharsets.ISO_8859_1);
        long at = take(bytes.length);
        poke(at, bytes);
        return at;
    }

    private long place(Structure structure) {
        int length = structure.bytes();
        long at = take(length);
        fill(at, length);
        after.add(new Told(
                "d " + hex(at) + " " + hex(length), (answer, result) -> structure(structure, answer, result, seen)));
        return at;
    }

    /** Formats a structure that was filled with the pattern before the call. */
    static String structure(Structure structure, String answer, long result, SeenNumbers seen) {
        if (!isBytes(answer)) {
            return answer;
        }
        if (shown(answer).startsWith("kept")) {
            return "kept";
        }
        ByteBuffer found = ByteBuffer.wrap(HexFormat.of().parseHex(answer)).order(ByteOrder.LITTLE_ENDIAN);
        return structure.told(found, result, seen);
    }

    private long place(Argument.Fields fields) {
        ByteBuffer bytes = ByteBuffer.allocate(fields.fields().size() * 8 + 16).order(ByteOrder.LITTLE_ENDIAN);
        int end = 0;
        int widest = 1;
        int[] places = new int[fields.fields().size()];
        for (int i = 0; i < places.length; i++) {
            int width = fields.fields().get(i).width();
            places[i] = (end + width - 1) & -width;
            end = places[i] + width;
            widest = Math.max(widest, width);
        }
        int length = (end + widest - 1) & -widest;
        // The structure is placed first, so that the structures to which it points are at the same addresses whatever
        // they contain.
        long at = take(length);
        for (int i = 0; i < places.length; i++) {
            long value = place(fields.fields().get(i).value());
            switch (fields.fields().get(i).width()) {
                case 1 -> bytes.put(places[i], (byte) value);
                case 2 -> bytes.putShort(places[i], (short) value);
                case 4 -> bytes.putInt(places[i], (int) value);
                default -> bytes.putLong(places[i], value);
            }
        }
        byte[] given = Arrays.copyOf(bytes.array(), length);
        poke(at, given);
        after.add(
                new Told("d " + hex(at) + " " + hex(length), (answer, result) -> told(fields, places, given, answer)));
        return at;
    }

    private String told(Argument.Fields fields, int[] places, byte[] given, String answer) {
        if (!isBytes(answer)) {
            return answer;
        }
        boolean isTime = fields.fields().stream().anyMatch(each -> each.kind() == 't');
        if (answer.equals(HexFormat.of().formatHex(given))) {
            return isTime && !answer.matches("0*") ? "{t t}" : "kept";
        }
        ByteBuffer found = ByteBuffer.wrap(HexFormat.of().parseHex(answer)).order(ByteOrder.LITTLE_ENDIAN);
        StringBuilder text = new StringBuilder("{");
        for (int i = 0; i < places.length; i++) {
            Argument.Field field = fields.fields().get(i);
            String value = switch (field.kind()) {
                case 'b' -> String.valueOf(found.get(places[i]));
                case 'h' -> String.valueOf(found.getShort(places[i]));
                case 'w' -> String.valueOf(found.getInt(places[i]));
                case 'i' -> seen.process(found.getInt(places[i]));
                case 'p' -> "p";
                case 't' -> "t";
                default -> String.valueOf(found.getLong(places[i]));
            };
            text.append(i == 0 ? "" : " ").append(value);
        }
        return text.append('}').toString();
    }
}
