// SPDX-License-Identifier: Apache-2.0
/**
 * Calls of a space under Lincheck: whether some order explains their results, and scenarios of the project's scheduler,
 * repeated by Lincheck's model checker. That is a second opinion, from a program that shares no code with the scheduler.
 */
@org.jspecify.annotations.NullMarked
package dev.samara.core.lincheck;
