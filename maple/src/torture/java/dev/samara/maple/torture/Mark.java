// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

/**
 * A value of the tree, which names the actor that stored it, the place, and its number in the sequence. Its fields are
 * not final on purpose: a reader must see them as they were when the value was stored.
 */
final class Mark {
    private Object actor;
    private int place;
    private int number;
    private int check;

    /**
     * Creates a mark.
     *
     * @param actor the actor that stores it
     * @param place one of the actor's places
     * @param number counts what the actor did there
     */
    Mark(Object actor, int place, int number) {
        this.actor = actor;
        this.place = place;
        this.number = number;
        check = check(place, number);
    }

    private static int check(int place, int number) {
        return ~(31 * place + number);
    }

    /** Returns whether this mark belongs to an actor and is complete. */
    boolean isOf(Object who) {
        return who == actor && check == check(place, number);
    }

    int place() {
        return place;
    }

    int number() {
        return number;
    }

    @Override
    public String toString() {
        return actor.getClass().getSimpleName() + " " + place + " #" + number
                + (check == check(place, number) ? "" : " (not whole)");
    }
}
