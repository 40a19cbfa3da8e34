// SPDX-License-Identifier: Apache-2.0
/**
 * Calls of a space under Lincheck: some order of them explains all results. And scenarios of the project's scheduler,
 * repeated by Lincheck's model checker: a second opinion, from a program that shares no code with the scheduler.
 */
@org.jspecify.annotations.NullMarked
package dev.samara.core.lincheck;
