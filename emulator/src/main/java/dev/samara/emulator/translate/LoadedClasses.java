// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import dev.samara.emulator.cpu.TranslatedCode;
import dev.samara.emulator.limit.GuestLimits;
import java.lang.ref.PhantomReference;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Counts the classes of translated code that the JVM cannot unload yet, so that a guest that makes code does not fill
 * the memory for classes. They are used by the blocks of harts, and kept by the translator. For any thread.
 */
final class LoadedClasses {
    /** The most classes. One takes some 4 KiB of memory for classes. */
    static final int MOST = GuestLimits.TRANSLATED_CLASSES;

    private final ReferenceQueue<TranslatedCode> collected = new ReferenceQueue<>();
    private final Set<Reference<TranslatedCode>> references = ConcurrentHashMap.newKeySet();

    void add(TranslatedCode code) {
        references.add(new PhantomReference<>(code, collected));
    }

    boolean isFull() {
        @Nullable Reference<? extends TranslatedCode> gone = collected.poll();
        while (gone != null) {
            references.remove(gone);
            gone = collected.poll();
        }
        return references.size() >= MOST;
    }
}
