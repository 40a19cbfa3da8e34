// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** An argument of a call, with a text form that {@link ScriptText} parses. */
sealed interface Argument {
    /** A number. */
    record Numeric(long value) implements Argument {
        @Override
        public String toString() {
            return value >= -9999 && value <= 9999 ? Long.toString(value) : "0x" + Long.toHexString(value);
        }
    }

    /** The number of a task of the script, as a process or as a thread. */
    record TaskNumber(boolean isThread, int task, boolean isNegative) implements Argument {
        @Override
        public String toString() {
            return (isNegative ? "-" : "") + (isThread ? "tid" : "pid") + task;
        }
    }

    /** A result that was stored. */
    record Kept(int number) implements Argument {
        @Override
        public String toString() {
            return "kept" + number;
        }
    }

    /** A key of segments that no other script uses, and that no earlier run left in use. */
    record SegmentKey() implements Argument {
        @Override
        public String toString() {
            return "key";
        }
    }

    /** Bytes with a terminating zero, as one character per byte. */
    record Text(String bytes) implements Argument {
        @Override
        public String toString() {
            StringBuilder text = new StringBuilder("\"");
            for (int i = 0; i < bytes.length(); i++) {
                char each = bytes.charAt(i);
                boolean isPlain = each >= ' ' && each < 127 && each != '"' && each != '\\';
                text.append(isPlain ? String.valueOf(each) : String.format(Locale.ROOT, "\\x%02x", (int) each));
            }
            return text.append('"').toString();
        }
    }

    /** Memory filled with a pattern, and compared after the call. */
    record Buffer(int length) implements Argument {
        @Override
        public String toString() {
            return "buf " + length;
        }
    }

    /** Memory filled with a pattern, with nothing mapped after it. */
    record Edge(int length) implements Argument {
        @Override
        public String toString() {
            return "edge " + length;
        }
    }

    /** An address at which nothing is mapped. */
    record Bad() implements Argument {
        @Override
        public String toString() {
            return "bad";
        }
    }

    /** The address of a read-only page. */
    record ReadOnly() implements Argument {
        @Override
        public String toString() {
            return "readonly";
        }
    }

    /** A buffer for a result from the kernel. */
    record Out(Structure structure) implements Argument {
        @Override
        public String toString() {
            return "out " + structure.name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * A member of a structure: its kind and its value.
     *
     * @param kind b, h, w or q for 1, 2, 4 or 8 bytes, i for the number of a process in 4 bytes, p for an address, t
     *     for a time in 8 bytes, whose value after the call is not compared
     */
    record Field(char kind, Argument value) {
        int width() {
            return switch (kind) {
                case 'b' -> 1;
                case 'h' -> 2;
                case 'w', 'i' -> 4;
                default -> 8;
            };
        }

        @Override
        public String toString() {
            return kind + (kind == 'p' ? "(" + value + ")" : value.toString());
        }
    }

    /** A structure with naturally aligned members. The call may change it. */
    record Fields(List<Field> fields) implements Argument {
        @Override
        public String toString() {
            return fields.stream().map(Field::toString).collect(Collectors.joining(" ", "{", "}"));
        }
    }
}
