// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

/** Executes instructions of the guest. */
interface GuestEngine {
    /**
     * Runs from an address on until {@code ecall}.
     *
     * @param start the address
     * @param x10 the register at the start
     * @param x11 the register at the start
     * @return register x10 at the end
     */
    long run(long start, long x10, long x11);

    /**
     * Returns the number of instructions that were executed.
     *
     * @return the number
     */
    long executed();
}
