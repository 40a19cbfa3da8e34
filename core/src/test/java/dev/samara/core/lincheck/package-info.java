// SPDX-License-Identifier: Apache-2.0
/**
 * Scenarios of the project's scheduler, repeated by Lincheck's model checker: a second opinion, from a program that
 * shares no code with the scheduler.
 */
@org.jspecify.annotations.NullMarked
package dev.samara.core.lincheck;
