// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.fuzz;

import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Checks that the message about a rejected file is a single helpful line. */
public final class Refusal {
    private static final int LONGEST = 2000;
    private static final Pattern AT_LINE = Pattern.compile("([0-9]+): .+");

    private Refusal() {}

    /**
     * Checks a message that must name a file.
     *
     * @param refusal the exception with the message
     * @param name the name of the file
     */
    public static void ofFile(Exception refusal, String name) {
        String message = String.valueOf(refusal.getMessage());
        if (!message.startsWith(name + ":")) {
            throw new AssertionError("the message does not begin with the file: " + message, refusal);
        }
        if (message.chars().anyMatch(each -> Character.isISOControl(each)) || message.length() > LONGEST) {
            throw new AssertionError("the message is no line for a person: " + message, refusal);
        }
    }

    /**
     * Checks a message that must name a file and a line in it.
     *
     * @param refusal the exception with the message
     * @param file the file
     * @param input the bytes of the file, or the uncompressed text if the file is compressed
     */
    public static void ofLine(Exception refusal, Path file, byte[] input) {
        ofFile(refusal, file.toString());
        Matcher place = AT_LINE.matcher(
                String.valueOf(refusal.getMessage()).substring(file.toString().length() + 1));
        if (!place.matches()) {
            throw new AssertionError("the message names no line", refusal);
        }
        long line = Long.parseLong(place.group(1));
        // The number of lines in a compressed input is not known here.
        long most = input.length > 0 && input[0] == '\u001f' ? Integer.MAX_VALUE : lines(input) + 1;
        if (line < 1 || line > most) {
            throw new AssertionError("there is no line " + line, refusal);
        }
    }

    private static long lines(byte[] input) {
        long lines = 1;
        for (byte each : input) {
            lines += each == '\n' ? 1 : 0;
        }
        return lines;
    }
}
