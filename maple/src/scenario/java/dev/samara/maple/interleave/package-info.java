// SPDX-License-Identifier: Apache-2.0
/**
 * The range tree alone: each way in which it publishes an edit, beside the readers that it could mislead.
 *
 * <p>{@code TwoLeaves} is a small tree with an edge between two leaves. A {@code TreeScenario} has a writer and a
 * reader on it, which make a few calls each, and judges their results: some order of the calls has them all. {@code
 * TreeScenarios} has the scenarios, and {@code TreeScenariosTest} explores them, with planted breaks and without.
 * {@code BrokenLeavesTest} has breaks of the leaves that need no second thread.
 */
@NullMarked
package dev.samara.maple.interleave;

import org.jspecify.annotations.NullMarked;
