// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

/**
 * Where the library and the kernel differ.
 *
 * @param step the number of the step
 * @param what differs
 * @param isThrown whether a call has thrown an exception
 */
record Difference(int step, String what, boolean isThrown) {}
