// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import java.util.HashMap;
import java.util.Map;

/**
 * The lines {@code <key> <value>} of a header. The message of an exception about a value contains the number of its
 * line.
 */
public final class HeaderValues {
    private final RecordedLines lines;
    private final Map<String, Value> values = new HashMap<>();

    private record Value(int line, String text) {}

    /**
     * Creates an empty header.
     *
     * @param lines the recording
     */
    public HeaderValues(RecordedLines lines) {
        this.lines = lines;
    }

    /**
     * Adds a value from the last line read.
     *
     * @param key its name
     * @param text the value
     * @throws InputException if there is already a value with this name
     */
    public void put(String key, String text) throws InputException {
        if (values.put(key, new Value(lines.number(), text)) != null) {
            throw lines.fault("'" + key + "' is given twice");
        }
    }

    /**
     * Returns a value.
     *
     * @param key its name
     * @return its text
     * @throws InputException if the header does not contain it
     */
    public String text(String key) throws InputException {
        return value(key).text;
    }

    /**
     * Returns the line of a value.
     *
     * @param key its name
     * @return the line, counted from 1
     * @throws InputException if the header does not contain it
     */
    public int line(String key) throws InputException {
        return value(key).line;
    }

    /**
     * Returns a value that is a number or an address.
     *
     * @param key its name
     * @return the number
     * @throws InputException if the header does not contain it, or it is not a number
     */
    public long number(String key) throws InputException {
        return number(key, text(key));
    }

    /**
     * Parses a number that is part of a value.
     *
     * @param key the value's name
     * @param text the part
     * @return the number
     * @throws InputException if it is not a number
     */
    public long number(String key, String text) throws InputException {
        try {
            return Notation.ABSOLUTE.parse(text);
        } catch (NumberFormatException e) {
            throw new InputException(lines.file(), line(key), key + " '" + text + "' is no number", e);
        }
    }

    /**
     * Checks a number that is a count.
     *
     * @param key the name of its value
     * @param number the number
     * @return the number
     * @throws InputException if it is negative or has more than 31 bits
     */
    public int count(String key, long number) throws InputException {
        if (number < 0 || number > Integer.MAX_VALUE) {
            throw fault(key, key + " " + number + " is not in 0..2^31-1");
        }
        return (int) number;
    }

    /**
     * Creates an exception about a value.
     *
     * @param key its name
     * @param message the error
     * @return the exception, which the caller throws
     * @throws InputException if the header does not contain it
     */
    public InputException fault(String key, String message) throws InputException {
        return new InputException(lines.file(), line(key), message, null);
    }

    private Value value(String key) throws InputException {
        Value value = values.get(key);
        if (value == null) {
            throw lines.fault("the header lacks '" + key + "'");
        }
        return value;
    }
}
