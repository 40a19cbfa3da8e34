// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.lookup;

/**
 * A wrong result of a lookup, which no layout during the lookup contained.
 *
 * @param line the line of the operation that was started last before the end of the lookup; 0 if none was started
 * @param address the address of the lookup
 * @param held what the layouts contained at the address
 * @param answer the result
 */
public record WrongAnswer(int line, long address, String held, String answer) {}
