// SPDX-License-Identifier: Apache-2.0
/**
 * Linearizability tests with Lincheck: some order of a space's calls must explain all results. In addition, Lincheck's
 * model checker repeats scenarios of the project's scheduler, as a second opinion from a program that shares no code
 * with the scheduler.
 */
@org.jspecify.annotations.NullMarked
package dev.samara.core.lincheck;
