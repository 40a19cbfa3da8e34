// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.record;

import java.nio.file.Path;

/**
 * One point where the library and the recording disagree.
 *
 * @param file the recording
 * @param line where in it, counted from 1
 * @param subject what was compared: a call with its arguments, or pages of a snapshot
 * @param kernel what the recording says
 * @param samara what the library says
 */
public record Difference(Path file, int line, String subject, String kernel, String samara) {
    @Override
    public String toString() {
        return file + ":" + line + ": " + subject + ": kernel " + kernel + ", Samara " + samara;
    }
}
