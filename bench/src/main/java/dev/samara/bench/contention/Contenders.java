// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.core.AddressSpace;
import dev.samara.core.event.MmuNotifier;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The contenders by name. */
final class Contenders {
    static final String SAMARA = "samara";
    static final String WHOLE = "rwlock-whole";
    static final String DOWNGRADE = "rwlock-downgrade";
    static final String STAMPED = "stamped";

    static final List<String> NAMES = List.of(SAMARA, WHOLE, DOWNGRADE, STAMPED);

    private Contenders() {}

    /**
     * Returns a contender on top of a space. From then on, the space must be used only through the contender.
     *
     * @param name its name
     * @param space the space
     * @param retire the notifier that each operation calls for its revocations, or null for none
     */
    static Contender named(String name, AddressSpace space, @Nullable MmuNotifier retire) {
        return switch (name) {
            case SAMARA -> new Samara(space, retire);
            case WHOLE -> new WholeLock(space, retire);
            case DOWNGRADE -> new DowngradedLock(space, retire);
            case STAMPED -> new OptimisticLock(space, retire);
            default -> throw new IllegalArgumentException("no contender is called " + name + "; there are " + NAMES);
        };
    }
}
