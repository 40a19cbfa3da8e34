// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import java.util.List;
import java.util.Random;

/**
 * Several actors that take turns on one thread. With few threads, actors meet more often than with many: as soon as
 * there are more threads than processors, threads mostly wait for each other.
 */
final class ActorTurns implements Actor {
    private final List<Actor> members;

    /**
     * The actor whose turn it is. This race is benign, because readers use the field only as a hint where edits happen.
     */
    private volatile Actor current;

    ActorTurns(List<Actor> members) {
        this.members = members;
        current = members.get(0);
    }

    Actor current() {
        return current;
    }

    @Override
    public void step(Random random) {
        Actor next = members.get(random.nextInt(members.size()));
        current = next;
        next.step(random);
    }

    @Override
    public void finish() {
        members.forEach(Actor::finish);
    }
}
