// SPDX-License-Identifier: Apache-2.0
/**
 * The range tree alone: each way in which it publishes an edit, concurrently with the readers that it could mislead.
 *
 * <p>{@code TwoLeaves} is a small tree with an edge between two leaves. In a {@code TreeScenario}, a writer and a
 * reader make a few calls on it each, and some serial order of the calls must lead to all of their results. {@code
 * TreeScenarios} contains the scenarios, and {@code TreeScenariosTest} explores them. The folder
 * {@code mutants} lists the mutants that they find.
 */
@NullMarked
package dev.samara.maple.interleave;

import org.jspecify.annotations.NullMarked;
