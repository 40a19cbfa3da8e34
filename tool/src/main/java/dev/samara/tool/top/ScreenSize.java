// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/**
 * The size of a terminal.
 *
 * @param columns the characters of a line, positive
 * @param rows the lines, positive
 */
public record ScreenSize(int columns, int rows) {
    /** The size of a terminal that does not tell it. */
    public static final ScreenSize USUAL = new ScreenSize(80, 24);
}
