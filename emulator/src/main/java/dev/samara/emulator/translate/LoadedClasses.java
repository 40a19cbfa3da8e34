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
 * Counts the classes of translated code that the JVM cannot unload yet, so that a guest which generates code does not
 * exhaust the metaspace. The blocks of harts and the translator refer to these classes. Thread-safe.
 */
final class LoadedClasses {
    /** The maximum number of classes. A class takes some 4 KiB of metaspace. */
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
