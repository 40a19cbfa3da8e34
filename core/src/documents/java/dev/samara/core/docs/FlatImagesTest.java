// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Accesses to guest memory are written separately for each width, because a generic method would box or branch. {@code
 * FlatLongs} is the template; the members of the other classes are derived from it, except for those listed here.
 */
@DisplayName("FlatLongs, with its words for a width replaced, gives")
final class FlatImagesTest {
    /** The words in which a class differs from the others: its type, its boxed type, and its part of names. */
    private enum Width {
        LONGS("long", "Long", "Long", "eight bytes", 8, "Double"),
        INTS("int", "Integer", "Int", "four bytes", 4, "Float"),
        SHORTS("short", "Short", "Short", "two bytes", 2, ""),
        BYTES("byte", "Byte", "Byte", "a byte", 1, "");

        private final String type;
        private final String boxed;
        private final String name;
        private final String bytes;
        private final int size;

        /** The floating-point type of this width; empty if there is none. */
        private final String floating;

        Width(String type, String boxed, String name, String bytes, int size, String floating) {
            this.type = type;
            this.boxed = boxed;
            this.name = name;
            this.bytes = bytes;
            this.size = size;
            this.floating = floating;
        }

        String source() throws IOException {
            Path folder = Path.of(System.getProperty("basedir", ""), "src/main/java/dev/samara/core/guest");
            return Files.readString(folder.resolve("Flat" + name + "s.java"));
        }

        private String withoutFloating(String source) {
            if (floating.isEmpty()) {
                return source;
            }
            String primitive = floating.toLowerCase(Locale.ROOT);
            return source.replace(type + "BitsTo" + floating, "bitsToFloating")
                    .replace(primitive + "ToRaw" + name + "Bits", "floatingToBits")
                    .replaceAll("\\b" + primitive + "\\b", "floating")
                    .replaceAll("(\\b|(?<=[a-z]))" + floating + "(?=[A-Z(.#])", "Floating");
        }

        /**
         * Returns the members of a source, without its casts, and with placeholders for the words that are specific to
         * this width.
         */
        List<String> members(String source) {
            String text = withoutFloating(source.substring(source.indexOf("{\n") + 2, source.lastIndexOf('}')))
                    .replace("long address", "ADDRESS")
                    .replace("int at", "AT")
                    .replaceAll("\\((long|int|short|byte)\\) ", "")
                    .replaceAll("\\b" + boxed + "\\.(?=[a-z])", "Boxed.")
                    .replaceAll("\\bFlat" + name + "s\\b", "FlatWidths")
                    .replaceAll("(?<=[a-z])" + name + "(?=[A-Z(}])", "Width")
                    .replaceAll("\\b" + bytes + "\\b", "WIDTH bytes")
                    .replaceAll("\\b" + type + "\\b", "type")
                    .replaceAll("\\b" + size + "\\b", "SIZE")
                    .replaceAll("(, address, )" + (size - 1) + "\\b", "$1LAST");
            List<String> members = new ArrayList<>();
            for (String member : text.split("\n\n", -1)) {
                members.add(member.replaceAll("\\s+", " ").strip());
            }
            return members;
        }

        List<String> members() throws IOException {
            return members(source());
        }
    }

    private static final Pattern NAME = Pattern.compile("(\\w+) ?[(=]");

    /**
     * Returns the names of the members that another list does not contain.
     *
     * @param isCode whether to compare only code, without comments
     */
    private static List<String> without(List<String> members, List<String> others, boolean isCode) {
        List<String> rest = new ArrayList<>();
        for (String member : members) {
            if (others.stream().noneMatch(other -> text(other, isCode).equals(text(member, isCode)))) {
                Matcher name = NAME.matcher(text(member, true));
                rest.add(name.find() ? name.group(1) : member);
            }
        }
        return rest;
    }

    private static String text(String member, boolean isCode) {
        return isCode ? member.replaceAll("/\\*\\*.*?\\*/", "").strip() : member;
    }

    @Test
    @DisplayName("FlatInts: without the pairs of numbers")
    void ints() throws IOException {
        List<String> longs = Width.LONGS.members();
        List<String> ints = Width.INTS.members();
        assertEquals(List.of(), without(ints, longs, false));
        assertEquals(List.of("storeWidthPair", "putPair", "putPair"), without(longs, ints, false));
        longs.removeIf(member -> text(member, true).matches(".*\\b(storeWidthPair|putPair)\\(.*"));
        assertEquals(longs, ints);
    }

    /** A short is updated by a loop in {@code GuestMemory}, because no VarHandle of buffers can update two bytes. */
    @Test
    @DisplayName("FlatShorts: but for the updates, and without the handle in the other order")
    void shorts() throws IOException {
        List<String> longs = Width.LONGS.members();
        assertEquals(
                List.of(
                        "LITTLE",
                        "compareAndSetWidth",
                        "compareAndExchangeWidth",
                        "getAndAddWidth",
                        "getAndSetWidth",
                        "getAndBitwiseAndWidth",
                        "getAndBitwiseOrWidth",
                        "getAndBitwiseXorWidth"),
                without(Width.SHORTS.members(), longs, false));
    }

    /** No VarHandle of buffers supports bytes, and a byte has no byte order. */
    @Test
    @DisplayName("FlatBytes: but for accesses of a buffer and of a mode; its updates are those of FlatShorts")
    void bytes() throws IOException {
        List<String> others = Width.LONGS.members();
        others.addAll(Width.SHORTS.members());
        assertEquals(
                List.of(
                        "get",
                        "put",
                        "loadWidthOpaque",
                        "loadWidthAcquire",
                        "loadWidthVolatile",
                        "storeWidthOpaque",
                        "storeWidthRelease",
                        "storeWidthVolatile"),
                without(Width.BYTES.members(), others, true));
    }

    @Test
    @DisplayName("no image of a member with another mode or width: this comparison can fail")
    void canFail() throws IOException {
        List<String> longs = Width.LONGS.members();
        String source = Width.INTS.source();
        for (String[] change : new String[][] {
            {"LITTLE.getAcquire(", "LITTLE.getOpaque("},
            {"getAndAdd(address, 4, delta)", "getAndAdd(address, 8, delta)"},
            {"alignedIndexOf(loadTags, address, 3)", "alignedIndexOf(loadTags, address, 7)"},
            {"Reads four bytes in acquire mode", "Reads four bytes in opaque mode"},
            {"floatToRawIntBits(value)", "floatToIntBits(value)"},
        }) {
            String changed = source.replace(change[0], change[1]);
            assertNotEquals(source, changed, change[0]);
            assertNotEquals(List.of(), without(Width.INTS.members(changed), longs, false), change[0]);
        }
    }
}
