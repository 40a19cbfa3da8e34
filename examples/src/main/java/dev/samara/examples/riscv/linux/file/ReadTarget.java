// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

/** Where a read puts its bytes: memory of the guest, of which a part may be missing. */
@FunctionalInterface
public interface ReadTarget {
    /**
     * Puts bytes behind those that were put before.
     *
     * @return how many were taken; fewer than were given if the memory behind them is missing
     */
    int put(byte[] bytes, int length);
}
