// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Several readers that take turns on one thread, and preferably run while their range is being edited. */
final class ReaderTurns implements Actor {
    private final List<ActorTurns> editors;
    private final List<Actor> watched = new ArrayList<>();
    private final List<Actor> members = new ArrayList<>();

    ReaderTurns(List<ActorTurns> editors) {
        this.editors = editors;
    }

    /** Adds a reader of a range that {@code edited} edits; one editor may have several readers. */
    ReaderTurns of(Actor edited, Actor reader) {
        watched.add(edited);
        members.add(reader);
        return this;
    }

    @Override
    public void step(Random random) {
        Actor current = editors.get(random.nextInt(editors.size())).current();
        int from = random.nextInt(members.size());
        for (int n = from; n < from + members.size(); n++) {
            if (watched.get(n % members.size()) == current) {
                members.get(n % members.size()).step(random);
                return;
            }
        }
        members.get(from).step(random);
    }

    @Override
    public void finish() {
        members.forEach(Actor::finish);
    }
}
