// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

/**
 * The notation of numbers in a recording: {@code 0x} and hexadecimal, or decimal; and, where there is an arena, {@code
 * +0x} for an address counted from its base.
 */
public final class Notation {
    /** A recording without an arena: every address is absolute. */
    public static final Notation ABSOLUTE = new Notation(0, -1);

    private final long base;
    private final long length;

    private Notation(long base, long length) {
        this.base = base;
        this.length = length;
    }

    /**
     * Returns the notation of addresses counted from an arena's base.
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
     * @throws NumberFormatException if it is neither
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
     * @param text as it was written, hexadecimal without {@code 0x}
     * @return its value, not negative
     * @throws NumberFormatException if it is no such number
     */
    public static int deviceNumber(String text) {
        // A sign, which the parser would accept, is no digit.
        if (text.isEmpty() || Character.digit(text.charAt(0), 16) < 0) {
            throw new NumberFormatException("'" + text + "' is no number of a device");
        }
        return Integer.parseInt(text, 16);
    }

    /**
     * Formats an address as the recording does.
     *
     * @param address any address
     * @return its text
     */
    public String address(long address) {
        // The end of the arena itself is still written as an offset.
        if (Long.compareUnsigned(address - base, length) <= 0 && length >= 0) {
            return "+0x" + Long.toHexString(address - base);
        }
        return "0x" + Long.toHexString(address);
    }
}
