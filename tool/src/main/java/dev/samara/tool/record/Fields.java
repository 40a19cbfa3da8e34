// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import org.jspecify.annotations.Nullable;

/**
 * The fields of one line: a name, {@code key=value} pairs, and for a call also {@code = <result>}, all separated by
 * single spaces.
 */
public final class Fields {
    private final RecordedLines lines;
    private final Notation notation;
    private final String[] words;
    private final int name;
    private final int end;

    private Fields(RecordedLines lines, Notation notation, String[] words, int name, int end) {
        this.lines = lines;
        this.notation = notation;
        this.words = words;
        this.name = name;
        this.end = end;
    }

    /**
     * Parses the line of an event, which has no result.
     *
     * @param lines the recording
     * @param words the line, split at its spaces
     * @param name the index of the word that is the name of the event
     * @return the fields of the line
     * @throws InputException if the line has no such word
     */
    public static Fields ofEvent(RecordedLines lines, String[] words, int name) throws InputException {
        if (words.length <= name) {
            throw lines.fault("the line ends before it says what happened");
        }
        return new Fields(lines, Notation.ABSOLUTE, words, name, words.length);
    }

    /**
     * Parses the line of a call.
     *
     * @param lines the recording
     * @param notation the notation of numbers in the line
     * @param words the line, split at its spaces
     * @param name the index of the word that is the name of the call
     * @return the fields of the line
     * @throws InputException if the line has no call or no result
     */
    public static Fields ofCall(RecordedLines lines, Notation notation, String[] words, int name)
            throws InputException {
        int result = words.length - 1;
        if (result >= 0 && words[result].equals("killed")) {
            result--;
        }
        int equals = result - 1;
        if (equals <= name || !words[equals].equals("=")) {
            throw lines.fault("the call has no result");
        }
        return new Fields(lines, notation, words, name, equals);
    }

    /**
     * Returns the name of the call or event.
     *
     * @return the name
     */
    public String name() {
        return words[name];
    }

    /**
     * Returns the result of the call.
     *
     * @return the result
     * @throws InputException if it is neither a number nor an error
     */
    public Outcome outcome() throws InputException {
        String text = words[end + 1];
        boolean killed = words.length > end + 2;
        if (text.length() > 2 && text.startsWith("-E")) {
            return new Outcome(text, 0, text.substring(1), killed);
        }
        return new Outcome(text, parse("the result", text), null, killed);
    }

    /**
     * Returns the value of an optional field.
     *
     * @param key its name
     * @return its text, or null if the line does not contain the field
     */
    public @Nullable String find(String key) {
        for (int i = name + 1; i < end; i++) {
            String word = words[i];
            if (word.startsWith(key) && word.length() > key.length() && word.charAt(key.length()) == '=') {
                return word.substring(key.length() + 1);
            }
        }
        return null;
    }

    /**
     * Returns the name of the first field.
     *
     * @return the name, or null if the line has no field
     */
    public @Nullable String firstKey() {
        int equals = name + 1 < end ? words[name + 1].indexOf('=') : -1;
        return equals > 0 ? words[name + 1].substring(0, equals) : null;
    }

    /**
     * Returns the value of a field.
     *
     * @param key its name
     * @return its text
     * @throws InputException if the line does not contain the field
     */
    public String text(String key) throws InputException {
        String value = find(key);
        if (value == null) {
            throw lines.fault(name() + " lacks " + key + "=");
        }
        return value;
    }

    /**
     * Returns the value of a field that is a number or an address.
     *
     * @param key its name
     * @return its value
     * @throws InputException if the line does not contain the field, or the value is not a number
     */
    public long number(String key) throws InputException {
        return parse(key + "=", text(key));
    }

    /**
     * Returns the value of a field that is a small number.
     *
     * @param key its name
     * @return its value
     * @throws InputException if the line does not contain the field, or the value is not a 32-bit number
     */
    public int count(String key) throws InputException {
        long value = number(key);
        if (value != (int) value) {
            throw fault(key + "=" + text(key) + " is too large");
        }
        return (int) value;
    }

    /**
     * Creates an exception about this line.
     *
     * @param message the error
     * @return the exception, which the caller throws
     */
    public InputException fault(String message) {
        return lines.fault(message);
    }

    private long parse(String what, String text) throws InputException {
        try {
            return notation.parse(text);
        } catch (NumberFormatException e) {
            throw new InputException(lines.file(), lines.number(), what + " '" + text + "' is no number", e);
        }
    }
}
