// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.lookup;

/**
 * A lookup that answered what no layout held during it.
 *
 * @param line the line of the operation that was last begun when it ended; 0 if none was
 * @param address what was looked up
 * @param held what the layouts held there
 * @param answer what was answered
 */
public record WrongAnswer(int line, long address, String held, String answer) {}
