// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * Who keeps something of its own for what a CPU may do, decoded instructions for example, and has to drop it when the
 * CPU drops its translations.
 *
 * <p>Called on the thread that owns the CPU, while that polls, enters GUEST or resolves, in the order of generations,
 * and before the CPU says that it has flushed: so what is dropped here is not used after the operation that took it
 * away has returned. Told are ranges of which the CPU may have had translations; also such as it had none of. What it
 * throws is reported to the machine's reporter, and the flush counts all the same. It must not wait: an operation may
 * wait for this CPU, and one that is called here throws.
 */
@FunctionalInterface
public interface FlushListener {
    /**
     * Translations are gone.
     *
     * @param start the first address
     * @param end behind the last, unsigned; everything is from 0 to -1
     * @param reason what has become of the range; of everything, the most that can have. Where one flush has several
     *     reasons, the first of UNMAPPED, REPLACED, DISCARDED, PROTECTED and OBSERVED
     * @param generation of the space, up to which this CPU is flushed with this
     */
    void flushed(long start, long end, MmuNotifier.Reason reason, long generation);
}
