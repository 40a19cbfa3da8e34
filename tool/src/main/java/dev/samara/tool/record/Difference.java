// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import java.nio.file.Path;

/**
 * One difference between the library and the recording.
 *
 * @param file the recording
 * @param line the line in the recording, counted from 1
 * @param subject what was compared: a call with its arguments, or pages of a snapshot
 * @param kernel the text of the recording
 * @param samara the library's result
 */
public record Difference(Path file, int line, String subject, String kernel, String samara) {
    /** Returns one line for display, without control characters. */
    @Override
    public String toString() {
        return file + ":" + line + ": " + PrintableText.of(subject + ": kernel " + kernel + ", Samara " + samara);
    }
}
