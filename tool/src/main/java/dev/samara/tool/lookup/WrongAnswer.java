// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.lookup;

/**
 * A wrong answer of a lookup: no layout in its duration held it.
 *
 * @param line the line of the operation that was last begun at the end of the lookup; 0 if none was
 * @param address the address of the lookup
 * @param held the content of the layouts there
 * @param answer the result
 */
public record WrongAnswer(int line, long address, String held, String answer) {}
