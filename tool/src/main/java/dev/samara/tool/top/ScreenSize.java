// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/**
 * The size of a terminal.
 *
 * @param columns the number of characters of a line, positive
 * @param rows the number of lines, positive
 */
public record ScreenSize(int columns, int rows) {
    /** The size to assume if a terminal does not report its size. */
    public static final ScreenSize USUAL = new ScreenSize(80, 24);
}
