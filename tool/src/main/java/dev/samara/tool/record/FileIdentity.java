// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

/**
 * The file of a recorded {@code mmap}.
 *
 * @param major major number of its device
 * @param minor minor number of its device
 * @param inode its inode number on the device
 * @param path its path at that time; if it had none, the text of its device and inode
 */
public record FileIdentity(int major, int minor, long inode, String path) {
    private static final int DIGITS = 3;

    /** The notation of the empty word. */
    private static final String EMPTY = "\\";

    /**
     * Reads {@code file=<major>:<minor>:<inode>} and {@code path=}.
     *
     * @param fields the fields of a call that has {@code file=}
     * @return the identity
     * @throws InputException if a field is invalid
     */
    static FileIdentity parse(Fields fields) throws InputException {
        String text = fields.text("file");
        String[] parts = text.split(":", -1);
        if (parts.length != 3) {
            throw fields.fault("file=" + text + " is not <major>:<minor>:<inode>");
        }
        String path = fields.find("path");
        if (path != null && path.isEmpty()) {
            throw fields.fault("path= is empty");
        }
        try {
            return new FileIdentity(
                    Notation.deviceNumber(parts[0]),
                    Notation.deviceNumber(parts[1]),
                    Long.parseUnsignedLong(parts[2]),
                    path == null || path.equals(EMPTY) ? text : decode(path));
        } catch (IllegalArgumentException e) {
            throw fields.fault("file=" + text + ": " + e.getMessage());
        }
    }

    /**
     * Decodes a word. Throws {@code IllegalArgumentException} if a backslash is not followed by the three octal digits
     * of a byte.
     */
    private static String decode(String word) {
        if (word.indexOf('\\') < 0) {
            return word;
        }
        if (word.equals(EMPTY)) {
            return "";
        }
        StringBuilder decoded = new StringBuilder(word.length());
        for (int i = 0; i < word.length(); i++) {
            char c = word.charAt(i);
            if (c == '\\') {
                decoded.append(octal(word, i + 1));
                i += DIGITS;
            } else {
                decoded.append(c);
            }
        }
        return decoded.toString();
    }

    private static char octal(String word, int start) {
        int value = 0;
        for (int i = start; i < start + DIGITS; i++) {
            int digit = i < word.length() ? word.charAt(i) - '0' : -1;
            // The first octal digit of a byte is at most 3.
            if (digit < 0 || digit > (i == start ? 3 : 7)) {
                throw new IllegalArgumentException(
                        "'" + word + "' has a backslash without the three octal digits of a byte");
            }
            value = value * 8 + digit;
        }
        return (char) value;
    }
}
