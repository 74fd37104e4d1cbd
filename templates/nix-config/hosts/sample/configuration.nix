# The configuration of sample alone.
{ ... }:
{
}
