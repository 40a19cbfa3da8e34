// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

/**
 * The notation of numbers in a recording: hexadecimal after {@code 0x}, or decimal. In a recording with an arena, an
 * address relative to the arena's base is hexadecimal after {@code +0x}.
 */
public final class Notation {
    /** The notation of a recording without an arena, in which every address is absolute. */
    public static final Notation ABSOLUTE = new Notation(0, -1);

    private final long base;
    private final long length;

    private Notation(long base, long length) {
        this.base = base;
        this.length = length;
    }

    /**
     * Returns the notation with addresses relative to an arena's base.
     *
     * @param base the first address of the arena
     * @param length its length in bytes, not negative
     * @return the notation
     */
    public static Notation arena(long base, long length) {
        return new Notation(base, length);
    }

    /**
     * Reads a number or an address.
     *
     * @param text as it was written
     * @return its value, unsigned if hexadecimal
     * @throws NumberFormatException if the text is neither
     */
    public long parse(String text) {
        if (text.startsWith("0x")) {
            return Long.parseUnsignedLong(text, 2, text.length(), 16);
        }
        if (length >= 0 && text.startsWith("+0x")) {
            return base + Long.parseUnsignedLong(text, 3, text.length(), 16);
        }
        return Long.parseLong(text);
    }

    /**
     * Reads the major or minor number of a device.
     *
     * @param text the text in the recording, hexadecimal without {@code 0x}
     * @return its value, not negative
     * @throws NumberFormatException if the text is not such a number
     */
    public static int deviceNumber(String text) {
        // Rejects a sign, which the parser would accept.
        if (text.isEmpty() || Character.digit(text.charAt(0), 16) < 0) {
            throw new NumberFormatException("'" + text + "' is no number of a device");
        }
        return Integer.parseInt(text, 16);
    }

    /**
     * Formats an address in the notation of the recording.
     *
     * @param address any address
     * @return its text
     */
    public String address(long address) {
        // The end of the arena (exclusive) is still written as an offset.
        if (Long.compareUnsigned(address - base, length) <= 0 && length >= 0) {
            return "+0x" + Long.toHexString(address - base);
        }
        return "0x" + Long.toHexString(address);
    }
}
