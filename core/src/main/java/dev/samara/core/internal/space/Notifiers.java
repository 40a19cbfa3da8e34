// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.MmuNotifier;
import java.util.ArrayList;
import java.util.List;

/** Who is told of what is taken away. Changed under the layout lock; read without it by what retires. */
final class Notifiers {
    private volatile List<MmuNotifier> all = List.of();

    void add(MmuNotifier notifier) {
        List<MmuNotifier> more = new ArrayList<>(all);
        more.add(notifier);
        all = List.copyOf(more);
    }

    void remove(MmuNotifier notifier) {
        List<MmuNotifier> fewer = new ArrayList<>(all);
        fewer.removeIf(known -> known == notifier);
        all = List.copyOf(fewer);
    }

    /** A list that is never changed. */
    List<MmuNotifier> all() {
        return all;
    }
}
