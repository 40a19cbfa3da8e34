// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.core.AddressSpace;
import dev.samara.core.event.MmuNotifier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One reader-writer lock. An operation holds it for writing while it changes the layout, and downgrades it to reading
 * for the rest, as Linux's {@code munmap} does.
 *
 * <p>Strong if operations take long and only lookups run concurrently. Weak if operations run concurrently: each waits
 * for the rest of the previous operation, even if their ranges are disjoint. As soon as an operation waits, new lookups
 * may queue behind it.
 */
final class DowngradedLock extends ReadLocked {
    DowngradedLock(AddressSpace space, @Nullable MmuNotifier retire) {
        super(space, retire);
    }

    @Override
    long operate(long address, LongSupplier call) {
        long result;
        Rest rest;
        write.lock();
        try {
            result = change(address, call);
            rest = takeRest();
            if (rest == null) {
                return result;
            }
            read.lock();
        } finally {
            write.unlock();
        }
        try {
            finish(rest);
        } finally {
            read.unlock();
        }
        return result;
    }
}
