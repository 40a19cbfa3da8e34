// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

/** Executes instructions of the guest. */
interface GuestEngine {
    /**
     * Runs from {@code start} to the next {@code ecall}.
     *
     * @param start the address
     * @param x10 the initial value of register x10
     * @param x11 the initial value of register x11
     * @return the final value of register x10
     */
    long run(long start, long x10, long x11);

    /**
     * Returns how many instructions were executed in total.
     *
     * @return the number
     */
    long executed();
}
