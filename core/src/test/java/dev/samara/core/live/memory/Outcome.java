// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.List;

/**
 * What an operation answered, and what the layout of each process is then.
 *
 * @param result a number, an address, an errno or a fault
 * @param states of each living process its number and layout
 */
record Outcome(String result, List<String> states) {}
