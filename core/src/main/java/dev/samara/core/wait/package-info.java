// SPDX-License-Identifier: Apache-2.0
/**
 * How threads wait for each other outside of locks.
 *
 * <p>A {@link dev.samara.core.wait.Gate} is what a thread waits at that has met the range of an operation in transit: it
 * spins for a moment, parks, and passes when the operation has completed. A {@link dev.samara.core.wait.Watch} hears of
 * waits that last.
 *
 * <p>Nothing here knows of addresses or of trees, and no lock of this library is held while code of somebody else's
 * runs. Not exported.
 */
package dev.samara.core.wait;
